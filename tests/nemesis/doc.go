// Package nemesis makes parts of a machine fail under a test.
//
// Each way to fail is a Fault: of a disk (PowerCut, FullDisk, Damage), of a process's calls (Injection), of a network (Cut). It says what the machine
// lacks for it, begins, ends, and knows whether it took effect: a test whose fault had none has shown nothing. Faults know
// nothing of what runs on what they break; who uses them brings process ids and folders.
//
// What needs mounts or namespaces is undone even where the test binary dies: a small process beside it waits for its end.
package nemesis
