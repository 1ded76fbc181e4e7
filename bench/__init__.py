"""How fast `desistance` is beside its peers, measured so that the answer means something.

    data     made-up people, from a seed, written once as raw doubles that Python and R both read
    cases    what is fitted, at which size, against whom, and the goal
    peers    one file a package, ours among them: how it reads the columns, and each of its fits
    child    one process that makes one measurement and prints it
    pairs    ours and a peer in turn (A B A B ...), agreement first, then a ratio
    page     the table in docs/performance.md, from the measurements kept in results/

What is measured is CPU time on one thread. A ratio is the peer's time by ours, the median over
pairs of neighbours in time, so that a machine that slows down slows both. There is no ratio
without agreement: both must give the same numbers to 1e-8 (the largest difference, relative to
the largest number), unless the case says what is compared instead, how nearly, and why.

    fit      a second fit to rows in hand; peers' time is by their own defaults
    whole    the same, and making the input the package wants from columns in memory: for ours, the
             checks of `TimeToEvent.from_frame`
    memory   peak during the fit above what stood there before it, by the bytes of the columns

`make bench` runs every case, small, against every peer that is there; `python -m bench P3 --peer R
--size 1000000` one in full. `make bench-peers` sets the peers up.
"""
