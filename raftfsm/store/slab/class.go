package slab

import "math/bits"

// Objects of up to smallMax bytes share runs of pages with objects of their own size class. Larger ones have a run of
// their own, from ownMapMin on a whole mapping.
//
// Classes are 4 bytes apart up to 256, 8 up to 512, 16 up to 1,024, then 16 of them to each doubling: an object is at most
// 6 % larger than what was asked for, below 256 bytes at most 3 bytes.
const (
	smallMin  = 16
	smallMax  = 32 << 10
	ownMapMin = arenaBytes / 16

	fineMax     = 1 << 10
	coarsePer   = 16 // classes to each doubling above fineMax
	fineClasses = (256-smallMin)/4 + 1 + 256/8 + 512/16
	sizeClasses = fineClasses + 5*coarsePer
)

// class is the geometry of one size class.
type class struct {
	size int
	// pages is the length of a run, objects how many fit.
	pages, objects int
}

var (
	classes [sizeClasses]class
	// fineClass gives the class of (size+3)/4 for sizes up to fineMax.
	fineClass [fineMax/4 + 1]uint8
)

func init() {
	size := smallMin
	for i := range classes {
		classes[i] = geometry(size)
		switch {
		case size < 256:
			size += 4
		case size < 512:
			size += 8
		case size < 1024:
			size += 16
		default:
			size += 1 << (bits.Len(uint(size)) - 1) / coarsePer
		}
	}
	at := 0
	for i := range fineClass {
		if i*4 > classes[at].size {
			at++
		}
		fineClass[i] = uint8(at)
	}
}

// geometry chooses the shortest run that wastes under 1/32 at its end, or else the one that wastes least.
func geometry(size int) class {
	best := class{size: size}
	least := 1.0
	for pages := 4; pages <= max(16, min(64, 8*size/pageBytes)); pages++ {
		objects := pages * pageBytes / size
		waste := 1 - float64(objects*size)/float64(pages*pageBytes)
		if objects > 0 && waste < least {
			least, best.pages, best.objects = waste, pages, objects
		}
		if least < 1.0/32 {
			break
		}
	}
	return best
}

// classOf gives the size class of an object of at most smallMax bytes.
func classOf(size int) int {
	if size <= fineMax {
		return int(fineClass[(size+3)/4])
	}
	octave := bits.Len(uint(size - 1)) // size is in (2^(octave-1), 2^octave]
	step := 1 << (octave - 1) / coarsePer
	return fineClasses + (octave-11)*coarsePer + (size-1<<(octave-1)+step-1)/step - 1
}

// SizeOf is how many bytes an object takes for which size bytes are asked.
func SizeOf(size int) int {
	if size <= smallMax {
		return classes[classOf(size)].size
	}
	return pagesOf(size) * pageBytes
}

func pagesOf(size int) int { return (size + pageBytes - 1) / pageBytes }
