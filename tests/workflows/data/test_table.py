"""Tables that list images and labels."""

from __future__ import annotations

import pytest
from tests.workflows.data.layouts_on_disk import ids
from tests.workflows.datasets import picture, planes, write_image

from septum.errors import DatasetError
from septum.workflows.data.cases import load_image
from septum.workflows.data.load import load_dataset


class TestTable:
    def write(self, root, text, name="cases.csv"):
        planes(root)
        (root / name).write_text(text)
        return root / name

    def test_rows_with_group_and_split_are_cases(self, tmp_path):
        rows = (
            "image,label,group,split,age\nimages/case0.png,labels/case0.png,p1,train,3\nimages/case1.png,,p2,test,4\n"
        )
        dataset = load_dataset(self.write(tmp_path, rows))
        assert [(c.id, c.group, c.split, c.label is None) for c in dataset.cases] == [
            ("case0", "p1", "train", False),
            ("case1", "p2", "test", True),
        ]
        assert any("age" in note for note in dataset.notes)

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("t.tsv", "image\tlabel\nimages/case0.png;images/case1.png\tlabels/case0.png\n"),
            ("t.csv", "image_1,image_2,mask\nimages/case0.png,images/case1.png,labels/case0.png\n"),
            ("t.csv", "Image;Label\nimages/case0.png|images/case1.png;labels/case0.png\n"),
            ("t.csv", "\ufeffimage,label\nimages\\case0.png;images\\case1.png,labels\\case0.png\n"),
        ],
    )
    def test_channels_separators_and_spellings_are_understood(self, tmp_path, name, text):
        (case,) = load_dataset(self.write(tmp_path, text, name)).cases
        assert load_image(case).array.shape == (2, 24, 32)

    def test_a_missing_file_is_named_with_its_row(self, tmp_path):
        table = self.write(
            tmp_path, "image,label\nimages/case0.png,labels/case0.png\nimages/none.png,labels/case1.png\n"
        )
        with pytest.raises(DatasetError, match=r"row 3 of cases.csv names the image .*none\.png"):
            load_dataset(table)

    def test_a_row_without_an_image_is_named(self, tmp_path):
        with pytest.raises(DatasetError, match=r"row 2 of cases\.csv names no image"):
            load_dataset(self.write(tmp_path, "image,label\n,labels/case0.png\n"))

    def test_an_unknown_split_is_named_with_its_row(self, tmp_path):
        with pytest.raises(DatasetError, match=r"split in row 2 .*'half'"):
            load_dataset(self.write(tmp_path, "image,split\nimages/case0.png,half\n"))

    @pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "image,label\n"])
    def test_a_table_without_header_or_rows_is_refused(self, tmp_path, text):
        with pytest.raises(DatasetError, match="header"):
            load_dataset(self.write(tmp_path, text))

    def test_equal_file_names_in_different_folders_get_different_ids(self, tmp_path):
        for folder in ("a", "b"):
            write_image(tmp_path / folder / "x.png", picture(1))
        table = tmp_path / "t.csv"
        table.write_text("image\na/x.png\nb/x.png\n")
        assert len(set(ids(load_dataset(table)))) == 2

    def test_one_file_listed_twice_is_refused(self, tmp_path):
        with pytest.raises(DatasetError, match="own name"):
            load_dataset(self.write(tmp_path, "image\nimages/case0.png\nimages/case0.png\n"))
