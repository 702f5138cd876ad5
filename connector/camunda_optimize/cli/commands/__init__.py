"""The commands. Each module reads the arguments, asks the library, and shows what it says."""
