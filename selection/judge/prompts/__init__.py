"""What models are told; the texts are files beside this one."""
