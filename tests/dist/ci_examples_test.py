"""The examples of docs/ci.md: their commands are shell, their tests have images, and the Slurm script asks for its
share of the tests."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

TREE = pathlib.Path(sys.argv.pop(1))


def blocks():
    """The indented ones, without their indent."""
    found, block = [], []
    for line in (TREE / "docs/ci.md").read_text().splitlines() + ["end"]:
        if line.startswith("    ") or (block and not line):
            block.append(line[4:])
        elif block:
            found.append("\n".join(block).rstrip() + "\n")
            block = []
    return found


def the_block(beginning):
    matching = [block for block in blocks() if block.startswith(beginning)]
    assert len(matching) == 1, beginning
    return matching[0]


def commands(block):
    """Of the two CI systems: the list below "script:", and each "run:"."""
    listed = re.search(r"^ *script:\n((?: +- .*\n)+)", block, re.M)
    lines = re.findall(r"- (.*)", listed.group(1)) if listed else []
    return lines + re.findall(r"^ *- run: (.*)", block, re.M)


BUILD = "build/native/"


def check_tests(path, built):
    """A folder of the reader's, or one that the build makes: rvmm's sources have tests, and no images beside them."""
    if not built:
        assert path == "tests", path
        return
    assert path.startswith(BUILD), path
    source = TREE / path.removeprefix(BUILD)
    copied = (source.parent / "CMakeLists.txt").read_text()
    assert list(source.glob("*.test.toml")), source
    for test in source.glob("*.test.toml"):
        assert re.search(rf"configure_file\({source.name}/{test.name} \S+/{source.name}/{test.name} COPYONLY\)", copied), test


class Examples(unittest.TestCase):
    def test_runners_commands_are_shell_and_files_are_there(self):
        for name, least in (("# .gitlab-ci.yml", 1), ("# .github/workflows/guests.yml", 4)):
            block = the_block(name)
            self.assertNotIn("\t", block)
            found = commands(block)
            self.assertGreaterEqual(len(found), least, name)
            for command in found:
                subprocess.run(["sh", "-n", "-c", command], check=True)
                for preset in re.findall(r"--preset (\w+)", command):
                    self.assertIn(f'"name": "{preset}"', (TREE / "CMakePresets.json").read_text())
            # The report that is written is the one that is kept.
            self.assertEqual(len(re.findall(r"\breport\.xml", block)), 2)
            tests = re.search(r"rvmm test (\S+) --host lab --junit report\.xml", "\n".join(found))
            check_tests(tests.group(1), built="ninja -C build/native" in block)

    def test_slurm_script_runs_its_share(self):
        script = the_block("#!/bin/bash\n#SBATCH")
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "job").write_text(script)
            (root / "rvmm").write_text('#!/bin/sh\nfor word; do echo "$word"; done\n')
            (root / "rvmm").chmod(0o755)
            environment = {"PATH": f"{folder}:{os.environ['PATH']}", "SLURM_ARRAY_JOB_ID": "77",
                           "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8",
                           "SLURM_CPUS_PER_TASK": "4"}
            for restarts, report in (({}, "guests-77/3-0.xml"),
                                     ({"SLURM_RESTART_COUNT": "1"}, "guests-77/3-1.xml")):
                ran = subprocess.run(["bash", "job"], cwd=folder, check=True, text=True,
                                     capture_output=True, env=environment | restarts)
                self.assertEqual(ran.stdout.split(),
                                 ["test", "tests", "--host", "lab", "-j", "4",
                                  "--shard", "3/8", "--junit", report])
                self.assertTrue((root / "guests-77").is_dir())
            self.assertEqual(ran.stderr, "")
            # Outside of an array it says what is missing, and runs nothing.
            alone = subprocess.run(["bash", "job"], cwd=folder, check=False, capture_output=True,
                                   env={"PATH": environment["PATH"]})
            self.assertNotEqual(alone.returncode, 0)
            self.assertEqual(alone.stdout, b"")


if __name__ == "__main__":
    unittest.main()
