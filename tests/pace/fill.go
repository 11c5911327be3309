package pace

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// fillBatch is how many keys are written at a time.
const fillBatch = 1000

// Fill writes keys with values of so many bytes, over all slots. Nothing reads them: they are what has to be copied.
func Fill(ctx context.Context, addrs []string, keys, valueBytes int) error {
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addrs})
	if err != nil {
		return err
	}
	defer c.Close()
	value := strings.Repeat("x", valueBytes)
	for first := 0; first < keys; first += fillBatch {
		var commands rueidis.Commands
		for i := first; i < min(first+fillBatch, keys); i++ {
			commands = append(commands, c.B().Set().Key(fmt.Sprint("fill:", i)).Value(value).Build())
		}
		for i, result := range c.DoMulti(ctx, commands...) {
			if err := result.Error(); err != nil {
				return fmt.Errorf("key %d of %d: %w", first+i, keys, err)
			}
		}
	}
	return nil
}
