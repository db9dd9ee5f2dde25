"""The archive calls of Axxon PSIM: another way to order downloads, at the root of the server."""
