export default {
  extends: "stylelint-config-standard",
  ignoreFiles: ["**/vendor/**", ".venv/**"],
  rules: {
    // Blank lines separate groups of related rules and properties.
    "custom-property-empty-line-before": null,
    "rule-empty-line-before": null,
    // A status names its class as the API spells it.
    "selector-class-pattern": "^[a-z][a-z0-9]*([-_][a-z0-9]+)*$",
    "value-keyword-case": ["lower", { camelCaseSvgKeywords: true, ignoreProperties: ["/^--/"] }],
    // Sections follow the page, not the weight of their selectors.
    "no-descending-specificity": null,
    // Safari on iOS knows it only with the prefix.
    "property-no-vendor-prefix": [true, { ignoreProperties: ["-webkit-text-size-adjust"] }],
  },
};
