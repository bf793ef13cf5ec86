"""The links of the chain, one file each; `CHECK` in it is what runs. `gates/order.py` says in which order."""
