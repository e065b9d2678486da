"""``tables``: real tables of mixed columns, this library's ensemble beside its peers.

.. code-block:: text

    catalogue   the tables: where they come from, their targets, their splits
    methods     the ensemble and its peers, each at one fixed setting
    worker      one method on one split of one table, in a process of its own
    cells       the results, written when they are there and read again
    standings   scores and ranks over the splits that all methods have done
    sizes       the bytes of installed packages
    pictures    bars of mean ranks, and of scores beside the ensemble's
    command     the sub-command: the cells that are missing, the tables, the notes
"""
