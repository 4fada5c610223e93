using System.Runtime.CompilerServices;
using Orleans.WriteBehind;

// These were here before they went to Orleans.WriteBehind.Abstractions: what was built on this assembly finds them still.
[assembly: TypeForwardedTo(typeof(OperationRepeat))]
[assembly: TypeForwardedTo(typeof(OperationScope))]
[assembly: TypeForwardedTo(typeof(Operations))]
[assembly: TypeForwardedTo(typeof(RateLimitedAttribute))]
[assembly: TypeForwardedTo(typeof(RemoteCauseException))]
[assembly: TypeForwardedTo(typeof(ShowsUnacknowledgedAttribute))]
[assembly: TypeForwardedTo(typeof(StateDiscardedException))]
[assembly: TypeForwardedTo(typeof(WriteBehindAttribute))]
