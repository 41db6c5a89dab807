"""What the black-box tests share: a running Gatepost, apps for it, and clients."""
