"""The methods. Each asks the engine in one short generator and reduces the answers with public, pure arithmetic."""
