"""One module a wire format, each to and from the canonical model in `canonical`."""
