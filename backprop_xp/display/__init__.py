"""Display: tables in HTML and curves in SVG, and the notebook that shows them.

.. code-block:: text

    html_table   small tables in HTML
    svg          lines, bands and dots of a drawing
    sparkline    a curve as small as a word
    scales       axes: positions and marks, linear or logarithmic
    bands        the median and the middle half of a stack's networks
    curve_chart  curves by epoch, with axes
    notebooks    a place in the running notebook, whose content is replaced

Read them in this order. Nothing here imports another room or a notebook's library.
"""
