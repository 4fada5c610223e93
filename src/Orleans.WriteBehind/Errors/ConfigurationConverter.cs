using WriteBehind;

namespace Orleans.WriteBehind.Errors;

/// <summary>Takes a <see cref="ConfigurationException"/> over the wire.</summary>
[RegisterConverter]
internal sealed class ConfigurationConverter : IConverter<ConfigurationException, ConfigurationConverter.Surrogate>
{
    public ConfigurationException ConvertFromSurrogate(in Surrogate surrogate)
        => surrogate.Origin.Restore(new ConfigurationException(surrogate.Setting, surrogate.Message, surrogate.Origin.EntityType, surrogate.Origin.Cause));

    public Surrogate ConvertToSurrogate(in ConfigurationException value) => new() { Origin = ErrorOrigin.Of(value), Setting = value.Setting, Message = value.Message };

    [GenerateSerializer]
    internal struct Surrogate
    {
        [Id(0)]
        public ErrorOrigin Origin;

        [Id(1)]
        public string Setting;

        [Id(2)]
        public string Message;
    }
}
