"""The house: rooms import in one direction, the drawn world is reached through its doors, the picture shows that."""

import ast

import house


def test_there_are_no_circles_but_for_one_arrow():
    """Parameters name the benchmarks, which take their parameters: that one arrow points back."""
    back = house.back_arrows()
    assert set(back) <= {("viper/config", "viper/evaluation")}, back
    assert {each.imported for pair in back.values() for each in pair} <= {"viper.evaluation.registry"}


def test_a_circle_would_be_found(monkeypatch):
    monkeypatch.setattr(house, "imports", lambda: [house.Import("viper.files", "viper.cost.work"), *_ALL])
    assert ("viper", "viper/cost") in house.back_arrows()


_ALL = list(house.imports())


def test_the_drawn_world_is_entered_by_its_doors_alone():
    """Speed is measured on drawn pictures; in all else, each area has one module that leads there."""
    entered = [each for each in _ALL if each.imported.startswith("microworld") and each.importer.startswith("viper.")]
    others = [each for each in entered if not each.is_door and not each.importer.startswith("viper.bench.")]
    assert others == []
    areas = {each.importer.split(".")[1] for each in entered if each.is_door}
    assert areas >= {"evaluation", "models", "reward", "synthesis", "training"}


def test_a_door_is_opened_only_when_it_is_asked_for():
    """What imports a door imports nothing of the drawn world, so that photographs do without it."""
    known = house.modules()
    for name in sorted({each.importer for each in _ALL if each.is_door}):
        tree = ast.parse(known[name].read_text(encoding="utf-8"))
        body = [node for node in tree.body if not isinstance(node, ast.FunctionDef) and not _is_for_types(node)]
        at_once = [child for node in body for child in ast.walk(node) if isinstance(child, ast.Import | ast.ImportFrom)]
        assert not [node for node in at_once if "microworld" in ast.unparse(node)], name


def _is_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_every_room_says_what_it_is_for():
    rooms = {house.room(name) for name in house.modules()}
    assert len(rooms) > 15
    assert [name for name in sorted(rooms) if not house.purpose(name)] == []


def test_the_picture_shows_the_code_as_it_is():
    assert house.PICTURE.read_text(encoding="utf-8") == house.draw(), "run `make house`"


# Of the workflow as a whole, and of all areas with the paper's classes of models.
OF_NO_ROOM = {"workflow", "workflow/slurm", "paper_scale", "rehearsal"}


def test_tests_stand_in_folders_named_like_the_rooms():
    tests = house.ROOT / "tests"
    folders = {path.parent.relative_to(tests).as_posix() for path in tests.rglob("test_*.py")} - {"."} - OF_NO_ROOM
    places = {folder: folder if folder.startswith("microworld") else f"viper/{folder}" for folder in folders}
    assert len(places) > 12
    assert [folder for folder, place in places.items() if not (house.ROOT / "src" / place).is_dir()] == []
