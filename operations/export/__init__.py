"""`qonto-sync export`: a period's invoices as one ZIP for a bookkeeper or an accountant.

selection   which invoices, from inventories that the last certificate proves
names       a readable and safe name for each file
tables      invoices.csv, line_items.csv and invoices.xlsx
download    the objects, each checked by its hash, resumable
archive     the ZIP
command     what an operator types
"""
