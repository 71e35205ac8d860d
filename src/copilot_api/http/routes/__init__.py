"""One module an endpoint family. A handler unpacks, asks the gateway, packs."""
