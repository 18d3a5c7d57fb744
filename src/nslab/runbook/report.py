"""What a run leaves to be handed in: executed notebooks, pages that open offline, captures and a manifest."""

from __future__ import annotations

import json
import platform
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from importlib import metadata
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode

import nslab
from nslab.errors import LabError
from nslab.instruments import Lab
from nslab.runbook.checks import MIME

_HERE: Final = Path(__file__).parent
_CAPTURES: Final = "/root/captures"  # where the notebooks' tshark lines put their files, in the host
_WIDGETS: Final = "application/vnd.jupyter.widget-view+json"
_HIGHLIGHTED: Final = {"%%host": "bash", "%%container": "bash", "%%node": "bash"}
_FETCH_TIMEOUT: Final = 60


@dataclass
class Section:
    """One notebook of a run: where it came from, where it was executed to, and what came of it."""

    source: Path
    title: str
    executed: Path
    status: str = "stopped"
    seconds: float = 0.0
    error: str = ""

    @property
    def page(self) -> Path:
        """The HTML page beside the executed notebook."""
        return self.executed.with_suffix(".html")

    @property
    def checks(self) -> list[dict[str, Any]]:
        """What the notebook has claimed: description, passed, evidence, hint."""
        if not self.executed.exists():
            return []
        outputs = [output for cell in _read(self.executed).cells for output in cell.get("outputs", ())]
        return [check for output in outputs for check in output.get("data", {}).get(MIME, ())]


@dataclass
class Report:
    """The report of one run, in a directory of its own.

    index.html, manifest.json, 1-namespaces.ipynb, 1-namespaces.html …, captures/3-bridge.pcapng …
    """

    place: Path
    parameters: Sequence[dict[str, Any]]
    began: datetime
    image: str = ""
    sections: list[Section] = field(default_factory=list)
    captures: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, place: Path, parameters: Sequence[dict[str, Any]]) -> Report:
        """Make the directory; LabError when it cannot be made."""
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LabError(f"the report cannot be written to {place}: {error.strerror}") from None
        return cls(place.resolve(), parameters, datetime.now(UTC))

    @property
    def index(self) -> Path:
        """The page to open first."""
        return self.place / "index.html"

    def notebook(self, source: Path) -> Path:
        """Return where a notebook is executed to: two of one name, from two folders, are kept apart."""
        taken = {section.executed.name for section in self.sections}
        names = (source.name, *(f"{source.stem}-{number}.ipynb" for number in range(2, len(taken) + 2)))
        return self.place / next(name for name in names if name not in taken)

    def finish(self) -> None:
        """Write the pages and the manifest, from what was executed."""
        for section in self.sections:
            if section.executed.exists():
                _tidy(section.executed)
                section.page.write_text(_page(section.executed, section.title))
        manifest = self.manifest()
        (self.place / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
        self.index.write_text(_index(self, manifest))

    def manifest(self) -> dict[str, Any]:
        """Return what is needed to run this again and to compare."""
        return {
            "nslab": nslab.__version__,
            "began": self.began.isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "packages": _packages(),
            "kernel": platform.release(),
            "machine": platform.machine(),
            "image": self.image,
            "passed": all(section.status == "passed" for section in self.sections)
            and len(self.sections) == len(self.parameters)
            and all(check.get("passed") for section in self.sections for check in section.checks),
            "parameters": {name: value for each in reversed(self.parameters) for name, value in each.items()},
            "captures": [f"captures/{name}" for name in self.captures],
            "sections": [
                {
                    "notebook": section.executed.name,
                    "title": section.title,
                    "status": section.status,
                    "seconds": round(section.seconds, 1),
                    "error": section.error or None,
                    "parameters": parameters,
                    "checks": section.checks,
                }
                for section, parameters in zip(self.sections, self.parameters, strict=False)
            ],
        }


def fetch_captures(lab: Lab, place: Path) -> list[str]:
    """Copy the captures that the run has left in the host; return their names. What cannot be read is left there."""
    try:
        host = lab["host"]
        listed = host.run(
            ["find", _CAPTURES, "-maxdepth", "1", "-type", "f", "-name", "*.pcap*", "-printf", "%f\\0"],
            check=False,
            timeout=_FETCH_TIMEOUT,
        )
        fetched = []
        for name in sorted(filter(None, listed.stdout.split("\0"))):
            target = place / "captures" / name
            target.parent.mkdir(exist_ok=True)
            with target.open("wb") as file:
                process = host.spawn(["cat", f"{_CAPTURES}/{name}"], places={1: file.fileno()})
                process.wait(_FETCH_TIMEOUT)
            fetched.append(name)
    except (LabError, OSError):  # the run has ended the lab, or broken it: that is its own story
        return []
    return fetched


def _packages() -> dict[str, str]:
    """Return the versions of what nslab stands on."""
    wanted = [line for line in metadata.requires("nslab") or () if "extra ==" not in line]
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in wanted]
    return {name: metadata.version(name) for name in sorted(names)}


def _read(path: Path) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def _tidy(path: Path) -> None:
    """Take out of an executed notebook what nothing can show any more: widgets whose kernel is gone, and our paths."""
    notebook = _read(path)
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(_WIDGETS, None)
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]


def _page(path: Path, title: str) -> str:
    """Return a notebook as a page that loads nothing from anywhere."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    config = Config()
    config.HighlightMagicsPreprocessor.enabled = True
    config.HighlightMagicsPreprocessor.languages = _HIGHLIGHTED
    basedirs = [str(_HERE / "templates")]
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        config=config, template_name="offline", extra_template_basedirs=basedirs
    )
    notebook = _read(path)
    notebook.metadata["title"] = title
    page, _ = exporter.from_notebook_node(notebook)
    return str(page)


def _index(report: Report, manifest: dict[str, Any]) -> str:
    template = string.Template((_HERE / "templates" / "index.html").read_text())
    return template.substitute(
        passed="passed" if manifest["passed"] else "failed",
        began=escape(manifest["began"]),
        sections="\n".join(_section_rows(report)),
        parameters="\n".join(_rows(manifest["parameters"])),
        captures="\n".join(f'<li><a href="captures/{quote(name)}">{escape(name)}</a></li>' for name in report.captures)
        or "<li>none</li>",
        versions="\n".join(
            _rows({key: manifest[key] for key in ("nslab", "python", "kernel", "machine", "image")} | _packages())
        ),
    )


def _section_rows(report: Report) -> Iterator[str]:
    for section in report.sections:
        checks = [
            f"<li>{'✓' if each.get('passed') else '✗'} {escape(each['description'])}</li>" for each in section.checks
        ]
        error = f'<p class="error">{escape(section.error)}</p>' if section.error else ""
        yield (
            f'<section class="{section.status}">'
            f'<h2><a href="{quote(section.page.name)}">{escape(section.title)}</a></h2>'
            f"<p>{section.status} · {section.seconds:.1f} s · "
            f'<a href="{quote(section.executed.name)}">notebook</a></p>{error}<ul>{"".join(checks)}</ul></section>'
        )


def _rows(values: dict[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        yield f"<tr><th>{escape(str(name))}</th><td>{escape(str(value))}</td></tr>"
