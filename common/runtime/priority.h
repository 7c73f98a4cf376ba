// Which of a process's threads come first when processors are short.
#pragma once

namespace noroshi {

// The calling thread, and what it starts, gives way to the others: for work that
// nobody waits for. It is not starved: it has about a third of a normal share.
void StandBack();

}  // namespace noroshi
