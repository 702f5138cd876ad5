"""The API's parts as a caller sees them: thin typed methods over the protocol and the transport."""
