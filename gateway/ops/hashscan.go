package ops

// HScan gives copies of the fields of some steps of a scan, about count of them, and returns the cursor of the next step. A scan begins
// with 0 and ends when 0 comes back; a field that is there from the first step to the last comes at least once. A small hash comes in
// one step (redis.io/commands/hscan).
func HScan(r Reader, key []byte, cursor uint64, count int64, yield func(field, value []byte)) (next uint64, err error) {
	ok, err := hasHash(r, key)
	if err != nil || !ok {
		return 0, err
	}
	for seen := int64(0); ; {
		cursor = r.ScanFields(key, cursor, func(field, value []byte) {
			seen++
			yield(clone(field), clone(value))
		})
		if cursor == 0 || seen >= count {
			return cursor, nil
		}
	}
}
