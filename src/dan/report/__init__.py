"""Pictures, sound and the page that is sent on: what an evaluation or a training looks like.

`style` says how every picture looks, `colours` what has which colour.
"""
