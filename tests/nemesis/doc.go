// Package nemesis makes parts of a machine fail under a test.
//
// Each way to fail is a Fault: of a disk (PowerCut, FullDisk, Damage), of a network (Cut, Disturbance), of a process (Kill,
// Terminate, Rolling, Pause, Slowness, LowMemory), of its calls (Injection) or its clock (ClockStep), or any of them again and
// again (Flapping). It says what the machine lacks for it, begins, ends, and knows whether it took effect: a test whose fault
// had none has shown nothing. Faults know nothing of what runs on what they break; who uses them brings programs, process ids
// and folders.
//
// What needs mounts or namespaces is undone even where the test binary dies: a small process beside it waits for its end.
package nemesis
