"""The subcommands, one module each with ``main(args) -> exit code``; nothing here is imported before it is asked for."""
