using Proof.Options;

namespace Proof;

/// <summary>What a subject is made from.</summary>
/// <param name="Options">What the run was asked for.</param>
/// <param name="Redis">Where Redis is. May hold a password: never shown.</param>
/// <param name="Postgres">Where PostgreSQL is, for the service: its connections bear a name of their own. May hold a password.</param>
/// <param name="Http">For the service's endpoints.</param>
public sealed record ProofSetup(ProofOptions Options, string Redis, string Postgres, HttpClient Http);
