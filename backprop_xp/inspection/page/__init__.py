"""The interactive page: a network's own numbers, step by step, in a file for a browser.

.. code-block:: text

    document     the page as one HTML file
    lessons      a traced network as data: numbers, and steps with equations
    stories      the networks of the source documents
    functions    the functions of a network in JavaScript, from its own formulas
    javascript   expressions as JavaScript
    mathml       equations as MathML
    page.html    the parts of the page
    page.css     its style: light and dark, narrow and wide, printed
    network.js   both passes, the update and finite differences; only products are written there
    numbers.js   matrices and sums as elements of the page
    drawing.js   the network, the cost and the decision map as pictures
    state.js     the state of the page
    reasons.js   why each equation holds; all equations as a list
    views.js     what is shown of the state
    controls.js  sliders, choices, training
    link.js      a link that carries the state
    paper.js     all steps, where the page is printed
    page.js      the events

Read them in this order. No formula stands in a script: activations, losses and optimisers come from
`functions`, the equations from `written_equations`.
"""
