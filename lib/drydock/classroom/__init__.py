"""A class: folders handed out, collected, graded by our own checks, and seen on one page. Nothing leaves the machine.

roster      the list of learners, a CSV file
folder      the class's folder: who is in it, and what each was handed out
collecting  folders and archives that come back
grading     a notebook that was handed in, run in confinement on an AWS of its own; `confined`, `relay` and
            `stand_in` are the parts of that
records     what a learner's own file says, and what grading found
reading     the figures of the class, computed of both
report      the page; `exports` the files for other programs
"""
