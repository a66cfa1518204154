r"""The judge: whose numbers are wrong, and which mistake made them so.

Two implementations disagree.  Which is right?  The judge asks both every golden vector, measures each
answer in units of the bound that the condition number allows, and says what it found: a match, digits
that were lost, a convention that its own documentation states, a known quirk with its thread, or a
mismatch.  A mismatch is then diagnosed.  The variants of a page are the mistakes that people really
made; if one of them, or a slip such as a sign or a mean for a sum, reproduces the answers on all
ordinary vectors and on most of the others, then it is named.

The same for samplers.  A step from an exact draw must give an exact draw again, so a bias shows within
seconds, without burn-in and without autocorrelation.

    you have                command
    a function in Python    `ebm-ref check mymodule:my_hinge --as hinge`
    a framework             `ebm-ref check torch`
    a sampler's step        `ebm-ref check-sampler mymodule:step --target banana`
    one number in doubt     `ebm-ref eval nll '[[0, 40], 0, 1]'`
    a program               `ebm-ref check --command ./my_ctc --as ctc`, in any language
    tests of your own       `ebm-ref vectors --out DIR`: questions with answers, as JSON Lines

What the judge needs stands in reading order: bounds and verdicts, hypotheses and their names, adapters
for the frameworks, and the process in which a candidate may crash or hang without harm.  The commands
follow.  The museum shows every mistake that the judge can name.

Source: the method is this project's own.
"""
