"""``mfh reproduce fig10``: success and failure of pseudo ground truth, measured on every painting."""

from mfh.cli.exits import EXIT_DONE
from mfh.cli.progress import progress_line
from mfh.errors import InputError, shown
from mfh_lab.cli.reproduce_request import Request
from mfh_lab.cli.reproduced import open_bench

PAINTINGS = 4
"""A photo, as in the paper's ablations: those of Tables 3 to 5."""


def reproduce_cases(request: Request) -> int:
    """Draw Figure 10.

    Args:
        request: what was asked for.

    Returns:
        The exit code.
    """
    if request.methods or request.predictions or request.seeds is not None:
        raise InputError(f"--method, --predictions and --seeds are not about {request.name}, which judges paintings")
    from mfh.io.atomic import make_folder
    from mfh.io.written import check_own
    from mfh_lab.paper.cases import find_cases
    from mfh_lab.paper.figures.saving import new_figure
    from mfh_lab.paper.figures.success_failure import make_fig10

    new_figure(1.0, 1.0)
    check_own(request.place, [f"fig10{ending}" for ending in (".png", ".pdf", ".csv", ".md")])
    with progress_line() as progress:
        progress.update("starting", 0.0)
        bench = open_bench(request, "nyu", progress=progress.update)
        cases = find_cases(bench, paintings=PAINTINGS, seed=0, progress=progress.update)
        make_folder(request.place)
        painter = bench.base.painter
        sprites = ", painted people rendered (SIMULATED)" if painter == "sprite" and bench.dataset != "pocket" else ""
        made = make_fig10(cases, request.place, title=f"{bench.title}, {PAINTINGS} paintings a photo{sprites}")
    print(made.caption)
    print(f"files: {', '.join(map(shown, made.files))}")
    return EXIT_DONE
