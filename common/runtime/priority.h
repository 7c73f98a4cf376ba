// Which of a process's threads come first when processors are short.
#pragma once

namespace noroshi {

// The calling thread, and what it starts, gives way to the others: for work that
// nobody waits for. It is not starved: it has about a third of a normal share.
void StandBack();

// The same for work that may be late by any amount: about a tenth of a normal share. Not
// less, because others wait for the locks that such a thread holds.
void StandAside();

}  // namespace noroshi
