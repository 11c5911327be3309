package model

// diagnose finds a simple word for what is wrong with one key's history that no order explains: a read that surely came
// after a newer write than the one it shows. Where somebody did see that newer write the read was stale; where nobody ever
// did the write is lost.
func diagnose(history []Op) Class {
	writer := map[string]Op{}
	seen := map[string]bool{}
	for _, o := range history {
		if o.Kind != expire && isUnique(o) {
			writer[o.Arg] = o
		}
		if o.Outcome == OK && o.Found {
			seen[o.Value] = true
		}
	}
	class := Illegal
	for _, o := range history {
		if o.Outcome != OK || !showsValue(o) {
			continue
		}
		source, known := writer[o.Value]
		if o.Found && (!known || source.Call > o.Return) {
			if len(writer) > 0 {
				return Invented
			}
			continue
		}
		newer, missed := newerThan(history, o, source)
		switch {
		case missed && !isUnique(newer):
			return Resurrected
		case missed && seen[newer.Arg]:
			return Stale
		case missed:
			class = Lost
		}
	}
	return class
}

// showsValue tells whether an operation is a read of the key.
func showsValue(o Op) bool {
	return o.Kind == Get || o.Kind == GetTwins || o.Kind == SetNX || o.Kind == GetDel || o.Kind == Cas
}

// newerThan finds an acknowledged write that lies wholly between the write whose value a read shows and the read itself. A
// read that shows nothing misses any write before it, unless something may have deleted the key meanwhile.
func newerThan(history []Op, read, source Op) (Op, bool) {
	for _, w := range history {
		if w.Outcome != OK || w.Return >= read.Call || !wrote(w) || !read.Found && !isUnique(w) {
			continue
		}
		if read.Found && source.Return < w.Call || !read.Found && !removed(history, w, read) {
			return w, true
		}
	}
	return Op{}, false
}

// wrote tells whether an acknowledged operation surely gave the key another value or took it away.
func wrote(o Op) bool {
	switch o.Kind {
	case Set, SetTwins, GetDel, Del:
		return true
	case SetNX:
		return !o.Found
	case Cas:
		return o.N == 1
	}
	return false
}

// diagnoseEvictable: where a key may go at any time only what is there can be wrong, and then it has come back.
func diagnoseEvictable(history []Op) Class {
	var there []Op
	for _, o := range history {
		if o.Found || !showsValue(o) {
			there = append(there, o)
		}
	}
	if class := diagnose(there); class == Invented {
		return class
	}
	return Resurrected
}

// removed tells whether the key may have been deleted between a write and a read.
func removed(history []Op, w, read Op) bool {
	for _, o := range history {
		if (o.Kind == Del || o.Kind == GetDel || o.Kind == expire) && o.Return >= w.Call && o.Call <= read.Return {
			return true
		}
	}
	return false
}
