"""dist/Containerfile, read as a builder reads it: what it copies is in the tree, its commands are shell, their
packages and presets exist, and it names no registry. It builds nothing."""
import json
import pathlib
import re
import subprocess
import sys
import unittest

TREE = pathlib.Path(sys.argv.pop(1))
KNOWN = {"ARG", "FROM", "ENV", "WORKDIR", "COPY", "RUN", "ENTRYPOINT", "CMD"}


def instructions():
    lines = [line for line in (TREE / "dist/Containerfile").read_text().splitlines()
             if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def of(kind):
    return [rest for name, rest in instructions() if name == kind]


def exists(package):
    return any(subprocess.run(command + [package], capture_output=True, check=False).returncode == 0
               for command in (["dpkg", "-s"], ["apt-cache", "show"]))


class Containerfile(unittest.TestCase):
    def test_instructions_are_known(self):
        self.assertEqual({name for name, _ in instructions()} - KNOWN, set())
        self.assertEqual(instructions()[0], ("ARG", "BASE=debian:bookworm"))

    def test_bases_are_one_short_name(self):
        self.assertEqual(of("FROM"), ["${BASE} AS build", "${BASE}"])

    def test_what_is_copied_is_there(self):
        copied = [rest.split() for rest in of("COPY")]
        ours = [words for words in copied if not words[0].startswith("--")]
        built = [words for words in copied if words[0] == "--from=build"]
        self.assertEqual(len(ours) + len(built), len(copied))
        for words in ours:
            for source in words[:-1]:
                self.assertTrue((TREE / source).exists(), source)
        # All that the build's top file adds goes in, but for tests.
        added = re.findall(r"^add_subdirectory\((\S+)\)", (TREE / "CMakeLists.txt").read_text(), re.M)
        missing = set(added) - {source for words in ours for source in words[:-1]}
        self.assertEqual(missing, set())
        for words in built:
            self.assertRegex(words[1], r"^/opt/rvmm/(cache|source/build/(native|arm64)/rvmm)$")

    def test_commands_are_shell(self):
        self.assertGreaterEqual(len(of("RUN")), 3)
        for command in of("RUN"):
            subprocess.run(["sh", "-n", "-c", command], check=True)
        for kind in ("ENTRYPOINT", "CMD"):
            for words in of(kind):
                self.assertTrue(all(isinstance(word, str) for word in json.loads(words)))

    def test_packages_presets_and_options_exist(self):
        text = "\n".join(of("RUN"))
        packages = re.search(r"apt-get install((?: +\S+)+?) +&&", text).group(1).split()
        packages = [word for word in packages if not word.startswith("-")]
        self.assertIn("qemu-system-arm", packages)
        for package in packages:
            self.assertTrue(exists(package), package)
        self.assertFalse(exists("rvmm-no-such-package"))
        presets = {preset["name"] for preset in
                   json.loads((TREE / "CMakePresets.json").read_text())["configurePresets"]}
        used = re.search(r"for preset in ([^;]+);", text).group(1).split()
        self.assertEqual(set(used) - presets, set())
        options = set(re.findall(r"-D(RVMM_\w+)", text))
        known = set(re.findall(r"^option\((\w+)", (TREE / "CMakeLists.txt").read_text(), re.M))
        self.assertEqual(options - known, set())


if __name__ == "__main__":
    unittest.main()
