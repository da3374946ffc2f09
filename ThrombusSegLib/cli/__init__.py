"""The command `thrombusseg`. One file per sub-command; heavy imports wait until a command runs."""
