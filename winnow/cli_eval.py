"""`winnow eval ...`: tasks of a dataset.

As in `winnow.cli`, commands import what they need when they run.
"""

import typer

from winnow.cli_eval_run import register
from winnow.cli_grade import grade
from winnow.cli_images import app as images_app
from winnow.cli_options import RunByDefault

app = typer.Typer(
    cls=RunByDefault,
    no_args_is_help=True,
    help="Work on the tasks of a dataset. `winnow eval DATASET` solves them all: see `winnow eval run -h`.",
)
register(app)
app.add_typer(images_app, name="images")
app.command()(grade)
