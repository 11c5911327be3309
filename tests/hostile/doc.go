// Package hostile sends servers what nobody should.
//
// Inputs are bytes, each with the answer that they have to get. Attacks go on until they are told to end: inputs without
// a pause, floods, replies that nobody reads, commands that never end. A Bystander is a client like any other, which tells
// how long it waited meanwhile.
package hostile
