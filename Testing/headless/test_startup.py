"""What Slicer does with the module when it starts: little. Needs no Slicer; every module that is not ours is a stub."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

MODULE = Path(__file__).resolve().parents[2] / "ThrombusSeg"

PROGRAM = """
import sys, types
for name in ("numpy", "scipy", "torch", "SimpleITK", "sitkUtils", "vtkmodules", "pydicom", "ThrombusSegLib"):
    sys.modules[name] = None  # importing it fails

class Stub(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (), {"__init__": lambda self, *arguments: None})
        setattr(self, name, made)
        return made

for name in ("slicer", "slicer.i18n", "slicer.ScriptedLoadableModule", "slicer.util", "slicer.parameterNodeWrapper",
             "qt", "ctk", "vtk"):
    sys.modules[name] = Stub(name)
slicer = sys.modules["slicer"]
slicer.util = sys.modules["slicer.util"]
connected = []
slicer.app = types.SimpleNamespace(connect=lambda signal, function: connected.append((signal, function)))
sys.modules["slicer.i18n"].tr = lambda text: text
sys.modules["slicer.i18n"].translate = lambda context, text: text
sys.modules["vtk"].calldata_type = lambda kind: lambda function: function
before = set(sys.modules)
import ThrombusSeg

class Parent: pass
module = ThrombusSeg.ThrombusSeg.__new__(ThrombusSeg.ThrombusSeg)
module.parent = Parent()
ThrombusSeg.ScriptedLoadableModule.__init__ = lambda self, parent: None
module.__init__(module.parent)
ours = sorted(name for name in sys.modules if name.startswith("Thrombus") and sys.modules[name])
print(ours, module.parent.title, [signal for signal, function in connected])
"""


def test_start_of_slicer_loads_one_file_of_ours_and_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=MODULE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['ThrombusSeg'] ThrombusSeg ['startupCompleted()']"
