"""What may be asked, whoever asks: check, then write the desired state and its job in one transaction."""
