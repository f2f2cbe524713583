"""Which label belongs to which image: a wrong pair is worse than an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.workflows.data.matching import LABEL_WORDS, label_of, match_stems


@pytest.mark.parametrize(
    ("images", "labels", "rule"),
    [
        (["a", "b"], ["b", "a"], ""),
        (["cell_1", "cell_2"], ["cell_1_mask", "cell_2_mask"], "their names without words such as 'mask'"),
        (["img_1_raw", "img_2_raw"], ["gt-1", "gt-2"], "their names without words such as 'mask'"),
        (["21_training", "22_training"], ["21_manual1", "22_manual1"], "the numbers that stand alone in their names"),
        (["scan7", "scan12"], ["truth007", "truth012"], "the numbers in their names"),
        (["liver ct", "heart ct"], ["heart outline", "liver outline"], "the first word of their names"),
    ],
)
def test_the_first_key_that_is_unambiguous_pairs_everything(images: list[str], labels: list[str], rule: str) -> None:
    found = match_stems(images, labels)
    assert found.rule == rule
    assert found.orphans == ()
    assert sorted(found.pairs) == sorted(labels)
    assert sorted(found.pairs.values()) == sorted(images)


def test_a_key_that_two_files_share_is_not_used() -> None:
    assert match_stems(["a_1", "b_1"], ["x_1"]).orphans == ("x_1",)
    assert match_stems(["a_1"], ["x_1", "y_1"]).orphans == ("x_1", "y_1")


def test_one_label_without_a_partner_keeps_all_that_are_left_from_being_guessed() -> None:
    found = match_stems(["scan1", "scan2"], ["truth1", "truth3"])
    assert found.pairs == {}
    assert found.orphans == ("truth1", "truth3")


def test_equal_names_are_paired_even_where_others_find_nobody() -> None:
    found = match_stems(["a", "b"], ["a", "zebra9"])
    assert found.pairs == {"a": "a"}
    assert found.orphans == ("zebra9",)


@given(st.lists(st.text(st.sampled_from("ab12_"), min_size=1, max_size=5), unique=True, max_size=6), st.data())
def test_no_image_gets_two_labels_and_every_label_is_paired_or_an_orphan(
    images: list[str], data: st.DataObject
) -> None:
    labels = data.draw(st.lists(st.text(st.sampled_from("ab12_"), min_size=1, max_size=5), unique=True, max_size=6))
    found = match_stems(images, labels)
    assert sorted([*found.pairs, *found.orphans]) == sorted(labels)
    assert len(set(found.pairs.values())) == len(found.pairs)
    assert set(found.pairs.values()) <= set(images)
    assert all(found.pairs[name] == name for name in set(images) & set(labels))


@pytest.mark.parametrize("word", LABEL_WORDS)
@pytest.mark.parametrize("separator", ["_", "-", ".", " "])
def test_a_label_beside_its_image_is_known_by_its_last_word(word: str, separator: str) -> None:
    assert label_of(f"cell 3{separator}{word.upper()}") == "cell 3"
    assert label_of(f"cell3{word}x") is None
    assert label_of(word) is None


class TestMatching:
    @pytest.mark.parametrize(
        ("images", "labels", "pairs"),
        [
            (["a", "b"], ["a", "b"], {"a": "a", "b": "b"}),
            (["ISIC_1", "ISIC_2"], ["ISIC_1_segmentation", "ISIC_2_segmentation"], None),
            (["img_01", "img_02"], ["lab_1", "lab_2"], {"lab_1": "img_01", "lab_2": "img_02"}),
            (["left_raw", "right_raw"], ["left_x", "right_x"], {"left_x": "left_raw", "right_x": "right_raw"}),
        ],
    )
    def test_unambiguous_names_are_paired(self, images, labels, pairs):
        found = match_stems(images, labels)
        assert found.orphans == ()
        assert found.pairs == (pairs or dict(zip(labels, images, strict=True)))

    @pytest.mark.parametrize(
        ("images", "labels"),
        [
            (["heart_118"], ["heart_281", "heart_010"]),
            (["exp1_img5"], ["exp1_lab6"]),
            (["a1_x", "a1_y"], ["b1"]),
            (["left", "right"], ["up"]),
        ],
    )
    def test_doubtful_names_stay_alone(self, images, labels):
        assert match_stems(images, labels).orphans == tuple(labels)
