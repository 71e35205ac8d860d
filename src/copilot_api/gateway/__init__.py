"""The gateway: the pipeline inspect, admit, plan, send, answer, and what it decides with."""
