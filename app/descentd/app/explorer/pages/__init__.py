"""The pages, one module each; `PAGES` in `app/descentd/app/explorer/catalogue.py` lists them."""
