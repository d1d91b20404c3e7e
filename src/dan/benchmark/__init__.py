"""Quality and cost of DAN's models beside peers, in one run on one core of one machine.

What `dan bench` does.
"""
