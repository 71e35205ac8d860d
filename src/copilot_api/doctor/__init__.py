"""What keeps a gateway from working, found by looking: `copilot-api doctor` and `copilot-api report`."""
