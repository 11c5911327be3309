// Package entry encodes what one log entry carries: a batch of effects, or one control record.
package entry
