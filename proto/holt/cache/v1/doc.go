// Package cachev1 is CacheService: what clients do to keys, each call with its consistency level.
package cachev1
