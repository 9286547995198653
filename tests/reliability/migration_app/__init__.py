"""An application whose migrations change the table of uploads while devices send."""
