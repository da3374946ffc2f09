"""What network, training and simulator cost on this machine, beside peers."""
