package executor

// Deletions counts the deletions of keys of the slot in the present incarnation. A stale read sees none of either.
func (v *View) Deletions() (incarnation, count uint64) {
	if ten := v.e.tenure.Load(); ten != nil && v.over != nil {
		return ten.incarnation, v.over.deletions
	}
	return 0, 0
}

// Deletions counts the deletions of keys of the slot in the present incarnation, those of this request excepted.
func (tx *Tx) Deletions() (incarnation, count uint64) {
	ten := tx.e.tenure.Load()
	if ten == nil {
		return 0, 0
	}
	sl := tx.e.store.Slot(tx.slot)
	sl.RLock()
	defer sl.RUnlock()
	return ten.incarnation, tx.e.overlay.slots[tx.slot].deletions
}
