"""What runs inside a machine.

These modules are sent as text (`sandbox.bundle`) to whatever Python the machine has: they need Python >= 3.6 and import
the standard library and each other only.
"""
