"""Discovery on ordinary models of other libraries, each in a process of its own."""
