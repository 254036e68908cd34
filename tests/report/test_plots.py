import math
import re
from xml.etree import ElementTree

from lightning_symmetry.report import Band, Spread
from lightning_symmetry.report.plots import COLOURS, colour, curves_svg


def curve(*means, count=3) -> Band:
    return Band(tuple(range(len(means))), tuple(Spread(mean, 0.1, count) for mean in means))


def identifiers(svg: str) -> list[str]:
    return re.findall(r' id="([^"]*)"', svg)


def labels(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_is_one_well_formed_svg_element():
    svg = curves_svg({"a": curve(1.0, 2.0)}, {"a": [(0, 1)]})
    # Namespaces are implied inside HTML, and declared here to read the rest as XML.
    root = ElementTree.fromstring(svg.replace("<svg", '<svg xmlns:xlink="x"', 1))
    assert root.tag == "svg" and "viewBox" in root.attrib and "width" not in root.attrib


def test_draws_every_variant_that_has_a_curve():
    svg = curves_svg({"a": curve(1.0, 2.0), "none": Band((), ()), "b": curve(3.0, 4.0)}, salt="s")
    assert {"s-curve-0", "s-curve-2"} <= set(identifiers(svg)) and "s-curve-1" not in identifiers(svg)
    assert COLOURS[0] in svg and COLOURS[2] in svg and COLOURS[1] not in svg


def test_a_single_seed_has_no_band():
    assert "opacity" in curves_svg({"a": curve(1.0, 2.0, count=2)})
    assert "opacity" not in curves_svg({"a": curve(1.0, 2.0, count=1)})


def test_identifiers_are_unique_across_figures():
    first, second = (identifiers(curves_svg({"a": curve(1.0, 2.0)}, salt=salt)) for salt in "st")
    assert first and not set(first) & set(second)
    assert len(first) == len(set(first))


def test_the_same_data_give_the_same_bytes():
    bands = {"a": curve(1.0, 2.0), "b": curve(2.0, 1.0)}
    assert curves_svg(bands, {"a": [(0, 1)]}) == curves_svg(bands, {"a": [(0, 1)]})


def test_colours_of_text_and_rules_are_those_of_the_page():
    svg = curves_svg({"a": curve(1.0, 2.0)})
    assert "var(--soft)" in svg and "var(--rule)" in svg and "#0102" not in svg


def test_counts_are_drawn_from_zero():
    assert "0" in labels(curves_svg({"a": curve(40.0, 64.0)}))


def test_the_logarithmic_scale_has_plain_labels():
    assert {"0.01", "0.1", "1"} <= set(labels(curves_svg({"a": curve(2.0, 0.002)}, logarithmic=True)))


def test_the_logarithmic_scale_is_for_values_above_zero():
    assert "0.01" not in labels(curves_svg({"a": curve(2.0, 0.0)}, logarithmic=True))


def test_values_that_are_not_finite_leave_a_gap():
    assert "s-curve-0" in identifiers(curves_svg({"a": curve(1.0, math.nan, 2.0)}, salt="s"))


def test_colours_repeat():
    assert colour(0) == colour(len(COLOURS)) != colour(1)


def test_jumps_are_lines_of_their_variant():
    svg = curves_svg({"a": curve(1.0, 2.0), "b": curve(2.0, 1.0)}, salt="s", jumps={"b": [1]})
    assert "s-jump-1-1" in identifiers(svg) and "s-jump-0-1" not in identifiers(svg)
