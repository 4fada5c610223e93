// One cluster for all tests, and the machine for itself: what is slow here looks dead there.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
