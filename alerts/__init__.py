"""Notices that devices stopped, or will have to: found as incidents, told by e-mail and webhook."""
