"""Every dialect over every leg, through the real server process, with the simulator behind it."""
